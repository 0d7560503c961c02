// Streaming finds objects in pictures whose names arrive over NATS JetStream, and publishes what it finds: an Apache
// Beam job without end, whose model is changed while it runs.
//
//	go run github.com/nats-io/nats-server/v2 -js -sd "$(mktemp -d)" &
//	nats stream add PICTURES --subjects pictures --defaults
//	nats stream add FOUND --subjects found,failed --defaults
//	go run ./examples/streaming --model models/a.pth --watch 'models/*.pth'
//	nats pub pictures /data/cat.jpg -H Nats-Msg-Id:1
//	cp b.pth models/b.tmp && mv models/b.tmp models/b.pth
//
// Every name becomes one message: in found, with the objects, or in failed, with the stage and the reason. Both are
// JSON and say which window of time they belong to, by its end. It takes every flag of Beam's Go SDK, --runner among
// them.
//
// # Once
//
// A message's ID travels with its picture as the key, and the answer has the same ID. JetStream drops the second
// message of an ID within a stream's duplicate window. So a publisher that tries again, and a job that reads the
// stream again, because a bundle failed or the process did, give one answer. A message without an ID has its name
// for one.
//
// Pictures are looked at where they are read, so that answers are quick. To share them among workers put a
// beam.Reshuffle after the reading.
package main
