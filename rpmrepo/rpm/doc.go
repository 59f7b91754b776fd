// Package rpm reads one RPM package: its name and version, dependencies,
// header, payload, digests and signatures.
package rpm
