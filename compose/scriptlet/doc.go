// Package scriptlet runs what packages want run when they are installed.
package scriptlet
