module github.com/argand-go/argand

go 1.26
