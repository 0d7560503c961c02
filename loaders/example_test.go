package loaders_test

import (
	"fmt"
	"log"
	"sync"
	"testing"

	"github.com/argand-go/argand/loaders"
)

func Example() {
	c, err := loaders.Open("testdata/nested.pth")
	if err != nil {
		log.Fatal(err)
	}
	model := c.Sub("model")
	for _, key := range model.Keys() {
		info, _ := model.Info(key)
		fmt.Println(key, info.Type, info.Shape)
	}
	w, err := model.Tensor("weight")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(w)
	_, err = model.Tensor("weights")
	fmt.Println(err)
	// Output:
	// weight float32 (2, 3)
	// bias float32 (2,)
	// float32 (2, 3)
	// loaders: testdata/nested.pth: no tensor "weights"
}

func TestConcurrent(t *testing.T) {
	for _, name := range []string{"views.pth", "deflated.pth"} {
		c := open(t, name)
		var g sync.WaitGroup
		for range 8 {
			g.Go(func() {
				for _, k := range c.Keys() {
					if _, err := c.Tensor(k); err != nil {
						t.Error(err)
					}
				}
			})
		}
		g.Wait()
	}
}
