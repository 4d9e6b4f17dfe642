// Package strict decodes YAML for people who make mistakes: it knows where each
// value was written, collects every problem instead of stopping at the first,
// and says of each what to do.
//
// A [Section] is the table of the keys that may stand in a mapping, with their
// defaults. [Parse] reads a document, [New] opens its root as a [Mapping], and
// the accessors (Text, Count, Duration, Section, Items, …) take one key each out
// of it; [Mapping.Done] reports what nobody took. A [Report] gathers problems
// and warnings with file, line and column; [Report.End] sorts them.
//
// What messages repeat of a file: keys of the table, and written keys that are
// plain words with a value; never a value, for a secret may stand anywhere by
// mistake.
//
// Its place: package config decodes the configuration with it. It knows nothing
// of what the configuration means, and does no I/O.
package strict
