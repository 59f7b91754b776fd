package rpm

// ScriptletKind says when a scriptlet runs; it is the name of the spec section.
type ScriptletKind string

// The kinds of scriptlets, triggers and file triggers.
const (
	PreIn        ScriptletKind = "prein"
	PostIn       ScriptletKind = "postin"
	PreUn        ScriptletKind = "preun"
	PostUn       ScriptletKind = "postun"
	PreTrans     ScriptletKind = "pretrans"
	PostTrans    ScriptletKind = "posttrans"
	PreUnTrans   ScriptletKind = "preuntrans"
	PostUnTrans  ScriptletKind = "postuntrans"
	VerifyScript ScriptletKind = "verifyscript"

	TriggerPreIn  ScriptletKind = "triggerprein"
	TriggerIn     ScriptletKind = "triggerin"
	TriggerUn     ScriptletKind = "triggerun"
	TriggerPostUn ScriptletKind = "triggerpostun"

	FileTriggerIn     ScriptletKind = "filetriggerin"
	FileTriggerUn     ScriptletKind = "filetriggerun"
	FileTriggerPostUn ScriptletKind = "filetriggerpostun"

	TransFileTriggerIn     ScriptletKind = "transfiletriggerin"
	TransFileTriggerUn     ScriptletKind = "transfiletriggerun"
	TransFileTriggerPostUn ScriptletKind = "transfiletriggerpostun"
)

// ScriptletFlags say how the body is prepared before it runs.
type ScriptletFlags uint32

// The flags of a scriptlet.
const (
	ScriptletExpand   ScriptletFlags = 1 << iota // macros are expanded at install time
	ScriptletQFormat                             // header query formats are expanded
	ScriptletCritical                            // its failure stops the transaction
)

// Scriptlet is a program that a package wants run at some point of a
// transaction.
type Scriptlet struct {
	Kind ScriptletKind
	// Interpreter is the program and its arguments; the program "<lua>" is
	// rpm's embedded Lua. The body is passed as a file after the arguments.
	Interpreter []string
	// Body may be empty: `%post -p /sbin/ldconfig` has an interpreter only.
	Body  string
	Flags ScriptletFlags

	// Triggers are the packages whose installation or removal runs a trigger.
	Triggers []Dep
	// Paths are the path prefixes whose files run a file trigger.
	Paths []string
	// Priority orders file triggers, high first. The default is 1000000.
	Priority uint32
}
