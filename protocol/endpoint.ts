/** `host:port`, with an IPv6 address in brackets. */
export const formatEndpoint = (host: string, port: number): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;
