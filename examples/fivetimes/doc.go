// Fivetimes multiplies by five with a linear regression that was trained and saved by PyTorch, as an Apache Beam job:
// lines of numbers in, one prediction a line out. From the root of the repository:
//
//	go run ./examples/fivetimes
//
// It takes every flag of Beam's Go SDK, --runner among them. The state_dict in fivetimes.pth was written by
// make_table.py.
package main
