package socket

// AcceptKey lets tests play the server.
var AcceptKey = acceptKey
