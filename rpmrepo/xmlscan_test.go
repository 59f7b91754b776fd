package rpmrepo

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// xmlNode is an element for comparing parsers.
type xmlNode struct {
	Name     string
	Attrs    []string // name=value
	Text     string   // of the element itself
	Children []*xmlNode
}

// ownTree reads a document with the scanner.
func ownTree(r io.Reader) (*xmlNode, error) {
	s := newXMLScanner(r)
	var stack []*xmlNode
	var root *xmlNode
	for {
		kind, err := s.token()
		if err != nil {
			return nil, err
		}
		switch kind {
		case xmlStart:
			n := &xmlNode{Name: string(s.name)}
			for _, a := range s.attrs {
				n.Attrs = append(n.Attrs, string(a.name)+"="+string(a.value))
			}
			if len(stack) > 0 {
				up := stack[len(stack)-1]
				up.Children = append(up.Children, n)
			} else {
				root = n
			}
			stack = append(stack, n)
		case xmlEnd:
			stack = stack[:len(stack)-1]
		case xmlText:
			stack[len(stack)-1].Text += string(s.chars)
		case xmlDone:
			return root, nil
		}
	}
}

// oracleTree reads it with encoding/xml.
func oracleTree(doc string) (*xmlNode, error) {
	d := xml.NewDecoder(strings.NewReader(doc))
	var stack []*xmlNode
	var root *xmlNode
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			n := &xmlNode{Name: t.Name.Local}
			for _, a := range t.Attr {
				n.Attrs = append(n.Attrs, a.Name.Local+"="+a.Value)
			}
			if len(stack) > 0 {
				up := stack[len(stack)-1]
				up.Children = append(up.Children, n)
			} else {
				root = n
			}
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].Text += string(t)
			}
		}
	}
}

// goodXML are documents that both parsers read alike.
func goodXML() []string {
	return []string{
		`<a/>`, `<a></a>`, `<a ></a >`, "\ufeff<?xml version='1.0' encoding='utf-8'?>\n<a/>\n<!-- end -->\n",
		`<?xml version="1.0"?><a/>`,
		`<?xml version="1.0" encoding="UTF-8" standalone="yes"?><?pi x?><a/>`,
		`<a x="1" y='2'/>`, "<a\n\tx = \"1\"\r\ny='it is \"this\"'  />", `<a x="&lt;&amp;&#65;&#x42;&apos;&quot;&gt;"/>`,
		`<p:a xmlns:p="u" p:x="1" y="2"><p:b/></p:a>`,
		`<a>text</a>`, `<a> one <b>two</b> three </a>`, `<a>&lt;b&gt; &amp;amp; &#228;&#x1F600;</a>`,
		`<a><![CDATA[<b>&amp;]] ></b>]]></a>`, `<a>x<![CDATA[]]>y</a>`, `<a>x<!-- - -- -->y</a>`[:10] + `c --></a>`,
		"<a>line\r\nline\rline\n</a>", "<a x='l\r\nl'/>", `<a>]] ></a>`, `<a>]]&gt;</a>`, `<a>ä😀 ` + "\t\n" + `</a>`,
		`<a><b><c><d>deep</d></c></b></a>`, `<a>` + strings.Repeat(`<b c="d">e</b>`, 100) + `</a>`,
		`<a _x-.1="y"/>`, `<a x=">"/>`, `<a x="]]>"/>`, `<a>>></a>`, "<a>\x7f</a>",
		`<a>` + strings.Repeat("long text ", 100_000) + `</a>`,
		`<a x="` + strings.Repeat("v", 300_000) + `"/>`,
	}
}

// badXML are documents that the scanner refuses, and a part of the error.
func badXML() map[string]string {
	return map[string]string{
		``:                        "ends in the middle",
		`  `:                      "ends in the middle",
		`<`:                       "ends in the middle",
		`<a`:                      "ends in the middle",
		`<a x`:                    "ends in the middle",
		`<a x=`:                   "ends in the middle",
		`<a x="1`:                 "ends in the middle",
		`<a x="1"`:                "ends in the middle",
		`<a>`:                     "ends in the middle",
		`<a>text`:                 "ends in the middle",
		`<a></a`:                  "ends in the middle",
		`<a><!--`:                 "ends in the middle",
		`<a><![CDATA[`:            "ends in the middle",
		`<?xml version="1.0"`:     "ends in the middle",
		`text`:                    "text outside",
		`<a/>text`:                "text outside",
		`<![CDATA[x]]><a/>`:       "text outside",
		`<a/><b/>`:                "a second element",
		`</a>`:                    "without a start",
		`<a></b>`:                 "</b> where </a>",
		`<a><b></a></b>`:          "</a> where </b>",
		`<p:a></a>`:               "</a> where </p:a>",
		`<a></a x>`:               "end of an end tag",
		`<a x/>`:                  "without a value",
		`<a x=1/>`:                "has no quotes",
		`<a x="1"y="2"/>`:         "no blank",
		`<a x="1" x="2"/>`:        "twice",
		`<a p:x="1" x="2"/>`:      "twice",
		`<a x="<"/>`:              "< in the value",
		`<a / >`:                  "a / inside",
		`<1/>`:                    "where a name",
		`<a:b:c/>`:                "two colons",
		`<:a/>`:                   "where a name",
		`<a:/>`:                   "where a name",
		`<a 1="x"/>`:              "where a name",
		`< a/>`:                   "where a name",
		`<a>&nbsp;</a>`:           "not a reference",
		`<a>&</a>`:                "starts no reference",
		`<a>& b;</a>`:             "not a reference",
		`<a>&;</a>`:               "not a reference",
		`<a>&#;</a>`:              "not a reference",
		`<a>&#0;</a>`:             "not a reference",
		`<a>&#xD800;</a>`:         "not a reference",
		`<a>&#x110000;</a>`:       "not a reference",
		`<a>&#99999999999;</a>`:   "not a reference",
		`<a>x]]>y</a>`:            "]]> outside",
		"<a>\x01</a>":             "control character",
		"<a x='\x00'/>":           "control character",
		"<a>\xff</a>":             "not UTF-8",
		"<a x='\xc3'/>":           "not UTF-8",
		"<a>\ufffe</a>":           "U+FFFE",
		"<a><![CDATA[\xff]]></a>": "not UTF-8",
		"<a><!-- \xff --></a>":    "not UTF-8",
		`<a><!-- -- --></a>`:      "-- inside",
		`<!DOCTYPE a><a/>`:        "document type",
		`<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`:    "document type",
		`<?xml version="1.1"?><a/>`:                   "version",
		`<?xml version="1.0" encoding="latin1"?><a/>`: "encoding",
		`<a/><?xml version="1.0"?>`:                   "not at the start",
		`<?>`:                                         "ends in the middle", `<??><a/>`: "instruction without", `<!-->`: "ends in the middle",
		`<? x?><a/>`:                                   "instruction without a name",
		strings.Repeat("<a>", 40):                      "deeper than",
		`<a ` + manyAttrs(40) + `/>`:                   "more than 32 attributes",
		`<a x="` + strings.Repeat("v", 5<<20) + `"/>`:  "more than 4194304 bytes",
		`<a>` + strings.Repeat("v", 5<<20) + `</a>`:    "more than 4194304 bytes",
		`<a><!--` + strings.Repeat("v", 5<<20) + `--/`: "more than 4194304 bytes",
	}
}

func manyAttrs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `a%d="" `, i)
	}
	return b.String()
}

func TestScannerReads(t *testing.T) {
	for _, doc := range goodXML() {
		want, err := oracleTree(doc)
		if err != nil {
			t.Fatalf("%.100q: the oracle refuses it: %v", doc, err)
		}
		readers := map[string]io.Reader{"whole": strings.NewReader(doc), "with EOF": iotest.DataErrReader(strings.NewReader(doc))}
		if len(doc) < 10_000 {
			readers["a byte at a time"] = iotest.OneByteReader(strings.NewReader(doc))
		}
		for how, r := range readers {
			got, err := ownTree(r)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%.100q %s: got %+v, %v, want %+v", doc, how, got, err, want)
			}
		}
	}
}

func TestScannerRefuses(t *testing.T) {
	for doc, part := range badXML() {
		readers := []io.Reader{strings.NewReader(doc)}
		if len(doc) < 10_000 {
			readers = append(readers, iotest.OneByteReader(strings.NewReader(doc)))
		}
		for _, r := range readers {
			got, err := ownTree(r)
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%.100q: got %+v, %v, want an error with %q", doc, got, err, part)
			}
		}
	}
}

func TestScannerPassesReadErrors(t *testing.T) {
	broken := errors.New("broken")
	_, err := ownTree(io.MultiReader(strings.NewReader("<a>"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

// FuzzScanner: what the scanner accepts, encoding/xml reads alike.
func FuzzScanner(f *testing.F) {
	for _, doc := range goodXML() {
		if len(doc) < 10_000 {
			f.Add(doc)
		}
	}
	for doc := range badXML() {
		if len(doc) < 10_000 {
			f.Add(doc)
		}
	}
	f.Fuzz(func(t *testing.T, doc string) {
		got, err := ownTree(strings.NewReader(doc))
		if err != nil {
			return
		}
		want, err := oracleTree(doc)
		if err != nil {
			t.Fatalf("%q: encoding/xml says: %v", doc, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: got %+v, want %+v", doc, got, want)
		}
		if len(doc) > 2000 {
			return // it would take its time
		}
		again, err := ownTree(iotest.OneByteReader(strings.NewReader(doc)))
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Fatalf("%q: a byte at a time: got %+v, %v", doc, again, err)
		}
	})
}
