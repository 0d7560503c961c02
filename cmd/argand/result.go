package main

import "github.com/argand-go/argand/nn/vision"

// A result is what was found in one picture, as detect --json prints it.
type result struct {
	File string `json:"file"`
	vision.Report
}

// A failure is a picture that could not be done, as detect --json prints it.
type failure struct {
	File  string `json:"file"`
	Error string `json:"error"`
}
