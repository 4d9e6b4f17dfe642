// Package page is the status page for people: the files that a browser needs,
// embedded, and two things that they are fed with.
//
// GET /api/v1/changes is a stream of server-sent events. It begins with the
// platforms and every agent, in pieces, and goes on with what changed. All
// viewers share one look at the fleet, taken by whichever of them comes first
// when one is due: at most twice a second, and so seldom that looking takes no
// more than a fiftieth of the time. Without viewers nobody looks and nothing is
// kept. Viewers are limited in number; one that takes nothing is cut off, and
// one that lags gets everything anew.
//
// A platform in the stream has the API's form (package view) and what only the
// page shows. An agent in it is smaller than the API's: a row has only
// what the table shows, and changes only when that does, so that ten thousand agents
// whose polls succeed cause no message.
//
// GET /api/v1/activity tells what happened in the last hour, by the minute.
//
// The page is read only, asks no other host, and shows what the API shows: no
// secret. Every text in it came from somewhere else and is set as text.
package page
