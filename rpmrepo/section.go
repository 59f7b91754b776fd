package rpmrepo

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/treewright/treewright/internal/fetch"
)

// sectionParser turns a section of a .repo file into a RepoConfig.
type sectionParser struct {
	file    string
	section iniSection
	opts    ReadOptions

	repo  RepoConfig
	proxy map[string]string // proxy, proxy_username, proxy_password
	entry iniEntry          // the one being read
}

func (p *sectionParser) warn(line int, text string) {
	if p.opts.Warn != nil {
		p.opts.Warn(Warning{File: p.file, Line: line, Text: text})
	}
}

func (p *sectionParser) parse() (RepoConfig, error) {
	id, _ := p.opts.Vars.Substitute(p.section.name)
	for i := range len(id) {
		if !idByte(id[i]) {
			return p.repo, &lineError{p.section.line, fmt.Errorf("repository name [%s]: %q is not allowed; letters, digits and -_.: are", id, id[i])}
		}
	}
	p.repo = newRepoConfig(id)
	p.repo.File, p.repo.Line, p.repo.Vars = p.file, p.section.line, p.opts.Vars
	p.proxy = map[string]string{}
	for _, p.entry = range p.section.entries {
		if err := p.key(); err != nil {
			return p.repo, &lineError{p.entry.line, fmt.Errorf("[%s] %s: %w", id, p.entry.key, err)}
		}
	}
	if err := p.setProxy(); err != nil {
		return p.repo, &lineError{p.section.line, fmt.Errorf("[%s] %w", id, err)}
	}
	p.oneSource()
	return p.repo, nil
}

// key deals with one key of the section.
func (p *sectionParser) key() error {
	key, value := p.entry.key, p.entry.value
	known, ok := lookupKey(key)
	switch {
	case !ok:
		text := fmt.Sprintf("[%s] %s is not a key of .repo files and has no effect", p.repo.ID, key)
		if near := nearestKey(key); near != "" {
			text += "; did you mean " + near + "?"
		}
		p.warn(p.entry.line, text)
		return nil
	case known.none != "":
		if surprises(key, value) {
			p.warn(p.entry.line, fmt.Sprintf("[%s] %s=%s has no effect: %s", p.repo.ID, key, value, known.none))
		}
		return nil
	case known.refuse != "":
		return errors.New("not supported: " + known.refuse)
	}
	value, unset := p.opts.Vars.Substitute(value)
	if len(unset) > 0 && p.repo.problem == nil && needsVars(key) {
		p.repo.problem = unsetError(key, unset)
	}
	return known.set(p, value)
}

// needsVars tells the keys in which a variable that stays is a mistake.
func needsVars(key string) bool {
	switch key {
	case "baseurl", "mirrorlist", "metalink", "gpgkey", "proxy", "sslcacert", "sslclientcert", "sslclientkey":
		return true
	}
	return false
}

func (p *sectionParser) setAddress(key, value string) error {
	list := parseList(value)
	for i, s := range list {
		if path, local, err := fetch.LocalPath(s); err != nil {
			return err
		} else if local {
			list[i] = path
			continue
		}
		if strings.Contains(s, "$") {
			continue // Check says so, when the repository is used
		}
		if u, err := url.Parse(s); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("%s: want an http, https or file URL, or an absolute path", redact(s))
		}
	}
	if key == "baseurl" {
		p.repo.BaseURLs = list
		return nil
	}
	if len(list) > 1 {
		return fmt.Errorf("want one address, not %d", len(list))
	}
	one := strings.Join(list, "")
	if key == "metalink" {
		p.repo.Metalink = one
	} else {
		p.repo.MirrorList = one
	}
	return nil
}

// oneSource keeps the address that dnf would use, too, and says so.
func (p *sectionParser) oneSource() {
	r := &p.repo
	winner := "metalink"
	if r.Metalink == "" {
		winner = "mirrorlist"
	}
	if r.Metalink != "" && r.MirrorList != "" {
		p.warn(p.section.line, fmt.Sprintf("[%s] mirrorlist is not used, because metalink is set", r.ID))
		r.MirrorList = ""
	}
	if (r.Metalink != "" || r.MirrorList != "") && len(r.BaseURLs) > 0 {
		p.warn(p.section.line, fmt.Sprintf("[%s] baseurl is not used, because %s is set", r.ID, winner))
		r.BaseURLs = nil
	}
}

func (p *sectionParser) setGPGKeys(value string) error {
	for _, s := range parseList(value) {
		path, local, err := fetch.LocalPath(s)
		switch {
		case err != nil:
			return err
		case local:
			s = path
		case strings.Contains(s, "$"):
		case !strings.Contains(s, "://"):
			s = filepath.Join(filepath.Dir(p.file), s)
		default:
			if u, err := url.Parse(s); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return fmt.Errorf("%s: want an http, https or file URL, or a path", redact(s))
			}
		}
		p.repo.GPGKeys = append(p.repo.GPGKeys, s)
	}
	return nil
}

func (p *sectionParser) setType(value string) error {
	switch value {
	case "rpm-md", "rpm", "repomd", "rpmmd", "yum", "YUM":
		return nil
	}
	return fmt.Errorf("%q is not supported: only rpm-md repositories are", value)
}

func (p *sectionParser) setIPVersion(value string) error {
	switch strings.ToLower(value) {
	case "4", "ipv4":
		p.repo.Transport.IPVersion = 4
	case "6", "ipv6":
		p.repo.Transport.IPVersion = 6
	case "whatever", "":
	default:
		return fmt.Errorf("%q is none of 4, IPv4, 6, IPv6, whatever", value)
	}
	return nil
}

// setRetries takes zero, dnf's "for ever", as very often.
func (p *sectionParser) setRetries(value string) error {
	n, err := parseInt(value, 0)
	if n == 0 {
		n = 100
	}
	p.repo.Transport.Retries = n
	return err
}

func (p *sectionParser) setMaxPerHost(value string) error {
	n, err := parseInt(value, 1)
	if err != nil {
		return err
	}
	t := &p.repo.Transport
	if t.MaxPerHost == 0 || n < t.MaxPerHost {
		t.MaxPerHost = n
	}
	return nil
}

// setProxy joins the keys of the proxy to one address.
func (p *sectionParser) setProxy() error {
	address, ok := p.proxy["proxy"]
	user, password := p.proxy["proxy_username"], p.proxy["proxy_password"]
	if !ok && user == "" && password == "" {
		return nil
	}
	if !ok {
		return errors.New("proxy_username and proxy_password need a proxy")
	}
	if address == "" || address == "_none_" {
		p.repo.Transport.NoProxy = true
		return nil
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	if strings.Contains(address, "$") {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return errors.New("proxy: want scheme://host:port")
	}
	if user != "" || password != "" {
		u.User = url.UserPassword(user, password)
	}
	p.repo.Transport.Proxy = u.String()
	return nil
}

func redact(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "the address"
	}
	return u.Redacted()
}

// nearestKey returns the known key that a misspelt one resembles most.
func nearestKey(key string) string {
	if len(key) > 40 {
		return ""
	}
	best, distance := "", len(key)/3+2
	for _, known := range knownKeys() {
		if d := editDistance(strings.ToLower(key), known); d < distance {
			best, distance = known, d
		}
	}
	return best
}

// editDistance counts the letters to insert, drop or replace.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
