// Pause holds a pod's namespaces open until it is asked to end: what the sandbox image of a node does.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	<-end
	os.Exit(0)
}
