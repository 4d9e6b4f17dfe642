// Package config turns the configuration's bytes into a typed [Config]: the
// YAML file, the CSV lists of agents and the secrets that they name. It reads
// files and environment variables and nothing else, and knows the vendors only
// through their table.
//
// Decoding is strict and never stops at the first mistake: every unknown or
// duplicate key, wrong type, missing file and relation of times that cannot
// work is a problem with file, line and column, and [Load] returns all of them
// at once, sorted. What is merely unwise is a warning and changes nothing.
//
// # Which keys there are
//
// Those of the tables in keys.go, and the vendors' options of their own. The
// decoder, the JSON Schema ([Schema]) and the reference configuration ([Sample])
// are held together by them.
//
// # What a path is relative to
//
// The file that names it: the configuration, or the CSV.
//
// # How secrets are found
//
// Each agent has exactly one [Source]: its own password_file, password_env,
// password_credential or (where allowed) password, or else the file in its
// group's passwords_dir that is named exactly as the login. A Source can be
// read again whenever its file changes. No text of this package holds a secret:
// values are left out of messages wherever a secret may stand by mistake.
package config
