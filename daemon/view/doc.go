// Package view is the one form in JSON that agents and platforms have for
// everybody outside: the API sends it, the status page shows it, and the command
// line decodes it.
//
// What it shows is package fleet's snapshot; nothing is counted or decided here.
// A field keeps its name and its meaning from version to version: others parse it.
package view
