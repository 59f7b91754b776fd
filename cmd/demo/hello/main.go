// Command hello is the program that the demo's packages hold: static, so that
// it runs in a flatpak whose runtime has no C library.
package main

import (
	"fmt"
	"os"
)

func main() {
	greeting, err := os.ReadFile("/app/share/hello/greeting")
	if err != nil {
		greeting = []byte("Hello from a tree that treewright composed.\n")
	}
	fmt.Print(string(greeting))
}
