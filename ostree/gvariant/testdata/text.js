// Writes text.txt with GLib: a text as JSON, and what GLib makes of it: type, text form as JSON and serialization, or the error.
//
// Recipe: gjs text.js > text.txt  (Debian package gjs)
const { GLib } = imports.gi;

const TEXTS = [
    "1", "uint64 42", "[1,uint64 2]", "{'a':<1>, 'b':<'x'>}", "@ay [1,2]", "@ay [1,0]", "b'abc'", "just 3", "nothing", "[]", "'x\\ny'", "-0x10", "1.5", "1e3",
    "true", "byte 300", "@a{sv} {}", "('a',)", "int16 -5", "'unterminated", "[1,'a']", "foo", "", "1 2", "<@as []>", "objectpath '/a'", "(1, 'a', [true])",
    "[just 1, nothing]", "@mi 5", "077", "08", "1.0f", "inf", "{1, 'a'}", "{'a': 1, 'b': 2}", "{1: 'x'}", "0x", "'\\101'", "b'\\101'", "@d 1", "@y 'a'",
    "double 1", "[<1>,<'a'>]", "@(ii) (1,2)", "@a 1", "signature 'a{sv}'", "signature 'zz'", "handle 3", "99999999999", "@x 99999999999", "\"dq\\u00e9\"",
    "[nothing, just 'a']", "@mmi 5", "((((1))))", "true false", "[1,2,]", "{}", "()", "{'k': <{'l': <byte 1>}>}", "@mmi just nothing", "@mms just 'x'",
    "(uint32 1, -1, int64 5)", "'it\\'s'", "'\"both\\'\"'", "b\"it's\"", "b'\\n\\377\\\"'", "@a{us} {1: 'a', 2: 'b'}",
    "[(1, 'a'), (2, 'b')]", "[{}, {'a': 1}]", "(1, 2, 3,)", "[1 2]", "(1 2)", "<1", "{'a' 1}", "{'a': 1", "{[1]: 2}", "@s", "  'space'  ", "-1.25e-7", "1e300", "0.1",
    "uint16 65536", "byte -1", "int32 -2147483648", "uint64 18446744073709551615", "uint64 18446744073709551616", "\"tab\\t\\u0001\"", "'\\uzzzz'", "%s", "@(s) ('a',)",
    "@{sv} {'k', <1>}", "[[], [[1]]]", "['a', objectpath '/b']", "just just 1", "@v 1", "handle -4", "uint16 7", "[1.5, 2]", "[nothing]", "boolean true", "string 'x'", "{1, 2", "1e5",
];

for (const text of TEXTS) {
    try {
        const v = GLib.Variant.parse(null, text, null, null);
        const hex = Array.from(v.get_data_as_bytes().toArray()).map((b) => b.toString(16).padStart(2, '0')).join('');
        print([JSON.stringify(text), v.get_type_string(), JSON.stringify(v.print(true)), hex].join('\t'));
    } catch (e) {
        print([JSON.stringify(text), 'error', JSON.stringify(e.message)].join('\t'));
    }
}
