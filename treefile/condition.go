package treefile

import (
	"fmt"
	"regexp"
	"strconv"
)

// A condition is `variable op value` of a conditional-include.
type condition struct {
	variable string
	op       string
	value    Value
}

var conditionSyntax = regexp.MustCompile(
	`^\s*([[:alnum:]_]+)\s*(==|!=|<=|>=|<|>)\s*(?:(true|false)|([0-9]+)|"((?s:.*))")\s*$`)

func parseCondition(text string) (condition, error) {
	m := conditionSyntax.FindStringSubmatchIndex(text)
	if m == nil {
		return condition{}, fmt.Errorf(`%q is no condition: write VARIABLE, one of == != < <= > >=, and true, false, a number or a "string"`, text)
	}
	c := condition{variable: text[m[2]:m[3]], op: text[m[4]:m[5]]}
	switch {
	case m[6] >= 0:
		c.value = BoolValue(text[m[6]:m[7]] == "true")
	case m[8] >= 0:
		n, err := strconv.ParseUint(text[m[8]:m[9]], 10, 64)
		if err != nil {
			return condition{}, fmt.Errorf("the number of %q does not fit 64 bits", text)
		}
		c.value = NumberValue(n)
	default:
		c.value = StringValue(text[m[10]:m[11]])
	}
	return c, nil
}

// holds evaluates the condition. Kinds must agree, and only numbers have an
// order.
func (c condition) holds(vars map[string]Value) (bool, error) {
	have, ok := vars[c.variable]
	if !ok {
		return false, fmt.Errorf("the variable %s is not defined here or in a file that includes this one%s",
			c.variable, didYouMean(c.variable, mapKeys(vars)))
	}
	if have.kind != c.value.kind {
		return false, fmt.Errorf("%s is %s and cannot be compared with %s", c.variable, have.describe(), c.value.describe())
	}
	switch c.op {
	case "==":
		return have == c.value, nil
	case "!=":
		return have != c.value, nil
	}
	if have.kind != kindNumber {
		return false, fmt.Errorf("%s is %s: %s compares numbers only", c.variable, have.describe(), c.op)
	}
	switch c.op {
	case "<":
		return have.num < c.value.num, nil
	case "<=":
		return have.num <= c.value.num, nil
	case ">":
		return have.num > c.value.num, nil
	}
	return have.num >= c.value.num, nil
}
