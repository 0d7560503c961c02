module github.com/argand-go/argand/cuda/gorgonia

go 1.26.0

require (
	github.com/argand-go/argand v0.0.0
	gorgonia.org/cu v0.9.6
)

require (
	github.com/google/uuid v1.6.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/argand-go/argand => ../..
