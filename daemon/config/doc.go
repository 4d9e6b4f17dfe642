// Package config turns the configuration's bytes into a typed [Config]: the
// YAML file, the CSV lists of agents and the secrets that they name. It reads
// files and environment variables and nothing else, and knows the vendors only
// through their table. The daemon loads it at its start and at each reload, the
// command line to check, preview and plan; nobody else reads the file. How YAML
// is decoded is package strict's.
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
// read again whenever its file changes.
//
// # What messages repeat
//
// Paths, keys of the YAML file that are plain words, and names of platforms,
// groups, webhooks and users that are good as such; nothing else of a file's
// content, for a secret may stand anywhere by mistake, and a message goes to
// logs and to whoever asked for a reload.
//
// # Which files are read
//
// Regular ones within a bound: pipes, devices and directories are mistakes. For
// somebody else's configuration [WithTexts] takes the contents from the caller
// and opens no file at all.
package config
