// Service finds things in pictures over HTTP: POST the bytes of a picture to / and get what was found as JSON, as
// "argand detect --jsonl" prints it of a picture, without its name. With no flags it serves the embedded shapes
// network, with -model any detector, as torchvision's builder makes it.
//
//	go run ./examples/service -addr 127.0.0.1:8080
//	curl --data-binary @picture.jpg http://127.0.0.1:8080/
//
// With -device cuda it computes on a GPU, or does not start; with -device auto it says which device it found, and why.
//
// It shows what a service needs around a network. The queue is bounded: a request beyond it is told at once, with
// status 429, to come back. A request that its client gives up stops being worked on. Bodies are limited. On SIGTERM it
// stops taking requests, finishes those it has, and exits. main.go is the process, handler.go what it serves.
package main
