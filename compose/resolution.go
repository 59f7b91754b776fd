package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/treewright/treewright/rpmrepo/solve"
)

// A Resolution is the resolver's answer to a treefile. Close it.
type Resolution struct {
	Packages []Package // sorted by NEVRA
	Warnings []string

	plan   *Plan
	u      *solve.Universe
	req    solve.Request
	answer *solve.Transaction
}

// Resolve reads the repositories and chooses the packages that a compose with
// the same options would. Of the treefile it looks at what concerns packages
// alone. It changes nothing but the cache.
func Resolve(ctx context.Context, opts Options) (_ *Resolution, err error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	r := &Resolution{plan: newPlan(opts)}
	if err := r.make(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("resolving %s: %w", opts.Treefile.Path, err), r.Close())
	}
	r.Packages, r.Warnings = r.plan.Packages, r.plan.Warnings
	return r, nil
}

func (r *Resolution) make(ctx context.Context) (err error) {
	if err := r.plan.openInputs(ctx); err != nil {
		return err
	}
	if r.u, r.req, r.answer, err = r.plan.answer(ctx); err != nil {
		return err
	}
	return r.plan.take(r.answer)
}

// Close releases the repositories' caches.
func (r *Resolution) Close() error { return r.plan.Close() }

// WriteLockfile is that of Plan.
func (r *Resolution) WriteLockfile(name string) error { return r.plan.WriteLockfile(name) }

// WriteRPMOSTreeLockfile is that of Plan.
func (r *Resolution) WriteRPMOSTreeLockfile(name string) error {
	return r.plan.WriteRPMOSTreeLockfile(name)
}

// resolutionJSON is a Resolution for programs.
type resolutionJSON struct {
	Treefile      string         `json:"treefile"`
	Arch          string         `json:"arch"`
	Order         string         `json:"order"`
	DownloadSize  int64          `json:"package-size"`
	InstalledSize int64          `json:"installed-size"`
	Packages      []selectedJSON `json:"packages"`
	Warnings      []string       `json:"warnings,omitempty"`
}

// selectedJSON adds to a package the parts of its reason.
type selectedJSON struct {
	packageJSON
	Location     string   `json:"location"`
	Kind         string   `json:"kind"`
	Spec         string   `json:"spec,omitempty"`
	By           string   `json:"by,omitempty"`
	Dependency   string   `json:"dependency,omitempty"`
	Alternatives []string `json:"alternatives,omitempty"`
}

// MarshalJSON writes the answer for programs.
func (r *Resolution) MarshalJSON() ([]byte, error) {
	t := r.plan.opts.Treefile
	out := resolutionJSON{Treefile: t.Path, Arch: t.Arch, Order: r.answer.Order.String(), Warnings: r.Warnings, Packages: []selectedJSON{}}
	out.DownloadSize, out.InstalledSize = sizes(r.Packages)
	for i := range r.Packages {
		why := r.answer.Packages[i].Reason
		s := selectedJSON{
			packageJSON: r.Packages[i].json(), Location: r.Packages[i].meta.Location, Kind: why.Kind.String(), Spec: why.Spec,
			Dependency: why.Dep, Alternatives: why.Alternatives,
		}
		if why.By >= 0 {
			s.By = r.Packages[why.By].NEVRA.String()
		}
		out.Packages = append(out.Packages, s)
	}
	return json.Marshal(out)
}

// An Explanation says why packages are in an answer, or why none is.
type Explanation struct {
	Asked  string   `json:"asked"`
	Chains []Chain  `json:"chains,omitempty"` // one for each package
	Absent []string `json:"absent,omitempty"` // sentences; the first is the nearest to the point
}

// A Chain leads from the request to a package, which is that of its last link.
type Chain []Link

// A Link is one step: a spec of the request, or a dependency of the package of
// the step before, and the package that it brought.
type Link struct {
	NEVRA      string `json:"nevra"`
	Repo       string `json:"repo"`
	Kind       string `json:"kind"` // see solve.ReasonKind
	Spec       string `json:"spec,omitempty"`
	By         string `json:"by,omitempty"`
	Dependency string `json:"dependency,omitempty"`
	// Alternatives are the names of other packages that would have done.
	Alternatives []string `json:"alternatives,omitempty"`
}

// Why explains a package, named in any way that a treefile may name it.
func (r *Resolution) Why(ctx context.Context, name string) (*Explanation, error) {
	e := &Explanation{Asked: name}
	found, err := solve.Find(ctx, r.u, r.req, r.answer, name)
	if err != nil {
		return nil, fmt.Errorf("explaining %s: %w", name, err)
	}
	for _, i := range found {
		e.Chains = append(e.Chains, r.chain(i))
	}
	if len(found) > 0 {
		return e, nil
	}
	r.plan.addIdle(ctx, r.u)
	if e.Absent, err = solve.WhyNot(ctx, r.u, r.req, name); err != nil {
		return nil, fmt.Errorf("explaining %s: %w", name, err)
	}
	return e, nil
}

// chain is the way to package i.
func (r *Resolution) chain(i int) Chain {
	var back Chain
	for ; i >= 0 && len(back) <= len(r.Packages); i = r.answer.Packages[i].Reason.By {
		why := r.answer.Packages[i].Reason
		l := Link{
			NEVRA: r.Packages[i].NEVRA.String(), Repo: r.Packages[i].Repo,
			Kind: why.Kind.String(), Spec: why.Spec, Dependency: why.Dep, Alternatives: why.Alternatives,
		}
		if why.By >= 0 {
			l.By = r.Packages[why.By].NEVRA.String()
		}
		back = append(back, l)
	}
	chain := make(Chain, 0, len(back))
	for n := len(back) - 1; n >= 0; n-- {
		chain = append(chain, back[n])
	}
	return chain
}
