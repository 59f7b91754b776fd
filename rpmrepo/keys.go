package rpmrepo

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/treewright/treewright/internal/fetch"
)

// repoKey is what happens to a key of a .repo file. Exactly one of set, none
// and refuse is there.
type repoKey struct {
	set    func(p *sectionParser, value string) error
	none   string // why it has no effect
	refuse string // why it cannot be honoured
}

// surprises reports whether a value asks for something that its author may
// count on, although the key has no effect.
func surprises(key, value string) bool {
	switch key {
	case "skip_if_unavailable":
		on, err := parseBool(value)
		return on || err != nil
	case "bandwidth", "throttle":
		return value != "0"
	}
	return false
}

// lookupKey returns what happens to a key; false for a key that neither dnf
// nor yum nor zypper knows.
func lookupKey(key string) (repoKey, bool) {
	if set := honouredKey(key); set != nil {
		return repoKey{set: set}, true
	}
	if why := keyWithoutEffect(key); why != "" {
		return repoKey{none: why}, true
	}
	if why := refusedKey(key); why != "" {
		return repoKey{refuse: why}, true
	}
	return repoKey{}, false
}

// knownKeys lists every key that lookupKey knows, in the order of the
// documentation.
func knownKeys() []string {
	return strings.Fields(`name enabled baseurl mirrorlist metalink type
		gpgcheck pkg_gpgcheck repo_gpgcheck gpgkey
		priority cost exclude excludepkgs includepkgs module_hotfixes enablegroups
		username password proxy proxy_username proxy_password proxy_auth_method proxy_sslverify
		sslcacert sslclientcert sslclientkey sslverify sslverifystatus
		user_agent ip_resolve timeout minrate retries max_parallel_downloads max_downloads_per_mirror
		metadata_expire mirrorlist_expire skip_if_unavailable countme enabled_metadata protected_packages
		deltarpm deltarpm_percentage bandwidth throttle fastestmirror failovermethod cachedir mediaid
		keepcache keepalive http_caching async autorefresh keeppackages ui_repoid_vars
		ssl_check_cert_permissions mdpolicy
		proxy_sslcacert proxy_sslclientcert proxy_sslclientkey include path`)
}

func honouredKey(key string) func(*sectionParser, string) error {
	switch key {
	case "name":
		return func(p *sectionParser, v string) error { p.repo.Name = v; return nil }
	case "enabled":
		return boolKey(func(p *sectionParser) *bool { return &p.repo.Enabled })
	case "module_hotfixes":
		return boolKey(func(p *sectionParser) *bool { return &p.repo.ModuleHotfixes })
	case "enablegroups":
		return func(p *sectionParser, v string) error {
			on, err := parseBool(v)
			p.repo.NoGroups = !on
			return err
		}
	case "gpgcheck", "pkg_gpgcheck":
		return boolKey(func(p *sectionParser) *bool { return &p.repo.GPGCheck })
	case "repo_gpgcheck":
		return boolKey(func(p *sectionParser) *bool { return &p.repo.RepoGPGCheck })
	case "gpgkey":
		return (*sectionParser).setGPGKeys
	case "priority":
		return intKey(func(p *sectionParser) *int { return &p.repo.Priority }, math.MinInt32)
	case "cost":
		return intKey(func(p *sectionParser) *int { return &p.repo.Cost }, math.MinInt32)
	case "exclude", "excludepkgs":
		return func(p *sectionParser, v string) error {
			p.repo.Excludes = append(p.repo.Excludes, parseList(v)...)
			return nil
		}
	case "includepkgs":
		return func(p *sectionParser, v string) error { p.repo.Includes = parseList(v); return nil }
	}
	return honouredTransportKey(key)
}

func honouredTransportKey(key string) func(*sectionParser, string) error {
	switch key {
	case "baseurl", "mirrorlist", "metalink":
		return func(p *sectionParser, v string) error { return p.setAddress(key, v) }
	case "type":
		return (*sectionParser).setType
	case "username":
		return func(p *sectionParser, v string) error { p.repo.Transport.Username = v; return nil }
	case "password":
		return func(p *sectionParser, v string) error { p.repo.Transport.Password = v; return nil }
	case "user_agent":
		return func(p *sectionParser, v string) error { p.repo.Transport.UserAgent = v; return nil }
	case "proxy", "proxy_username", "proxy_password":
		return func(p *sectionParser, v string) error { p.proxy[key] = v; return nil }
	case "proxy_auth_method":
		return oneOf("any", "basic", "none")
	case "proxy_sslverify":
		return mustBe(true, "the certificate of a proxy is always verified")
	case "sslverifystatus":
		return mustBe(false, "OCSP stapling is not checked; remove the key, or mirror the repository")
	case "sslcacert":
		return pathKey(func(t *Transport) *string { return &t.CAFile })
	case "sslclientcert":
		return pathKey(func(t *Transport) *string { return &t.CertFile })
	case "sslclientkey":
		return pathKey(func(t *Transport) *string { return &t.KeyFile })
	case "sslverify":
		return func(p *sectionParser, v string) error {
			on, err := parseBool(v)
			p.repo.Transport.InsecureTLS = !on
			return err
		}
	case "ip_resolve":
		return (*sectionParser).setIPVersion
	case "timeout":
		return func(p *sectionParser, v string) (err error) {
			p.repo.Transport.Timeout, err = parseSeconds(v)
			return err
		}
	case "minrate":
		return func(p *sectionParser, v string) (err error) {
			p.repo.Transport.MinRate, err = parseBytes(v)
			return err
		}
	case "retries":
		return (*sectionParser).setRetries
	case "max_parallel_downloads", "max_downloads_per_mirror":
		return (*sectionParser).setMaxPerHost
	}
	return nil
}

func keyWithoutEffect(key string) string {
	switch key {
	case "metadata_expire", "mirrorlist_expire", "mdpolicy", "http_caching", "autorefresh":
		return "a compose asks for repomd.xml each time, unless it runs from the cache alone"
	case "skip_if_unavailable":
		return "a compose never goes on without a repository that it names"
	case "countme":
		return "a compose is not an installed system and is not counted"
	case "enabled_metadata":
		return "it is for desktop tools"
	case "protected_packages":
		return "a compose removes no packages"
	case "deltarpm", "deltarpm_percentage":
		return "packages are always downloaded whole"
	case "bandwidth", "throttle":
		return "the speed of downloads is not limited"
	case "fastestmirror":
		return "mirrors are asked in the order of their list"
	case "failovermethod":
		return "addresses are asked in the given order"
	case "cachedir", "keepcache", "keeppackages":
		return "the cache is the one of the compose"
	case "mediaid", "async", "keepalive", "ui_repoid_vars", "ssl_check_cert_permissions":
		return "it does not change what a repository holds"
	}
	return ""
}

func refusedKey(key string) string {
	switch key {
	case "proxy_sslcacert", "proxy_sslclientcert", "proxy_sslclientkey":
		return "certificates for the proxy itself are not supported; add its authority to the system's"
	case "include":
		return "write the repositories of the other file into a .repo file beside this one"
	case "path":
		return "append the path to baseurl"
	}
	return ""
}

func boolKey(field func(*sectionParser) *bool) func(*sectionParser, string) error {
	return func(p *sectionParser, v string) (err error) {
		*field(p), err = parseBool(v)
		return err
	}
}

func intKey(field func(*sectionParser) *int, least int) func(*sectionParser, string) error {
	return func(p *sectionParser, v string) (err error) {
		*field(p), err = parseInt(v, least)
		return err
	}
}

func mustBe(want bool, why string) func(*sectionParser, string) error {
	return func(_ *sectionParser, v string) error {
		if got, err := parseBool(v); err != nil {
			return err
		} else if got != want {
			return fmt.Errorf("%s is not supported: %s", v, why)
		}
		return nil
	}
}

func oneOf(allowed ...string) func(*sectionParser, string) error {
	return func(_ *sectionParser, v string) error {
		for _, a := range allowed {
			if strings.EqualFold(a, v) {
				return nil
			}
		}
		return fmt.Errorf("%q is not supported; %s are", v, strings.Join(allowed, ", "))
	}
}

func pathKey(field func(*Transport) *string) func(*sectionParser, string) error {
	return func(p *sectionParser, v string) error {
		if path, ok, err := fetch.LocalPath(v); err != nil {
			return err
		} else if ok {
			v = path
		}
		*field(&p.repo.Transport) = p.absolute(v)
		return nil
	}
}

// absolute returns a path of the .repo file, which may start at its folder.
func (p *sectionParser) absolute(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(p.file), path)
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "1", "yes", "true", "on":
		return true, nil
	case "0", "no", "false", "off":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
}

func parseInt(s string, least int) (int, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || int(n) < least {
		return 0, fmt.Errorf("%q is not a whole number that is allowed here", s)
	}
	return int(n), nil
}

// parseList splits at blanks, commas and line ends.
func parseList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

// parseUnits reads a number with a unit: one of units, a letter each.
func parseUnits(s string, units string, factors []float64) (float64, error) {
	factor := 1.0
	if s != "" {
		if i := strings.IndexByte(units, s[len(s)-1]|0x20); i >= 0 {
			factor, s = factors[i], s[:len(s)-1]
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= 0 && n*factor <= 1<<40) {
		return 0, errors.New("not a number that is allowed here")
	}
	return n * factor, nil
}

func parseSeconds(s string) (time.Duration, error) {
	n, err := parseUnits(s, "smhd", []float64{1, 60, 3600, 86400})
	if err != nil || n > 86400*365 {
		return 0, fmt.Errorf("%q is not a time such as 30, 5m or 1h", s)
	}
	return time.Duration(n * float64(time.Second)), nil
}

func parseBytes(s string) (int64, error) {
	n, err := parseUnits(s, "kmg", []float64{1 << 10, 1 << 20, 1 << 30})
	if err != nil {
		return 0, fmt.Errorf("%q is not a size such as 1000, 10k or 2M", s)
	}
	return int64(n), nil
}
