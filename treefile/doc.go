// Package treefile reads treefiles, the language that says what goes into a
// tree: which packages from which repositories, under which ref, with which
// layout. It is rpm-ostree's language, read from YAML, JSON or TOML, plus the
// table flatpak for runtimes and applications.
//
//	ref: example/${basearch}/minimal      # a basic key: the outer file wins
//	include: common.yaml                  # relative to this file
//	packages: [bash, 'podman >= 4.1']     # a set: union of all files
//	packages-x86_64: [grub2-efi-x64]      # folded into packages
//	variables: {stream: stable}           # for ${stream} and conditions
//	conditional-include:
//	  - if: stream == "stable"
//	    include: stable.yaml
//
// docs/treefile.md lists every key, its default and how it merges. The source
// of the language is rpm-ostree's docs/treefile.md and rust/src/treefile.rs.
package treefile
