// Package sandbox runs programs of a root filesystem in bubblewrap, over an overlay.
package sandbox
