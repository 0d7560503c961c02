package gorgonia_test

import (
	"fmt"
	"log"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor/gorgonia"
)

// A checkpoint's weights are multiplied by gorgonia where they lie: in the
// mapped file.
func Example() {
	c, err := loaders.Open("testdata/pair.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	a, err := c.Tensor("a")
	if err != nil {
		log.Fatal(err)
	}
	b, err := c.Tensor("b")
	if err != nil {
		log.Fatal(err)
	}
	x, err := gorgonia.ToDense(a)
	if err != nil {
		log.Fatal(err)
	}
	y, err := gorgonia.ToDense(b)
	if err != nil {
		log.Fatal(err)
	}
	z, err := x.MatMul(y)
	if err != nil {
		log.Fatal(err)
	}
	product, err := gorgonia.FromDense(z)
	if err != nil {
		log.Fatal(err)
	}
	values, err := product.Float32s()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(a, "×", b, "=", product)
	fmt.Println(values)
	// Output:
	// float32 (2, 3) × float32 (3, 2) = float32 (2, 2)
	// [2 8 6.5 17]
}
