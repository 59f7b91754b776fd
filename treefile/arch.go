package treefile

import "runtime"

// HostArch returns the basearch of this machine, in RPM's words.
func HostArch() string {
	switch arch := runtime.GOARCH; arch {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	case "386":
		return "i386"
	case "arm":
		return "armhfp"
	case "loong64":
		return "loongarch64"
	default:
		return arch
	}
}
