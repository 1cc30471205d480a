/** Carries the address of the peer, set by the edge alone; the value of `CLIENT_IP_HEADER` on one machine. */
export const LOCAL_PEER_HEADER = "x-catalyst-peer";

/** Asks the asset service for the file or 404, without falling back to the panel's page. */
export const ASSETS_ONLY_HEADER = "x-catalyst-assets-only";
