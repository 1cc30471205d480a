/** Names a socket within its hub. Made by the hub when it accepts the socket, kept in the socket's attachment. */
export type SocketId = string;
