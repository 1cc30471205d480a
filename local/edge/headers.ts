/** Asks the asset service for the file or 404, without falling back to the panel's page. */
export const ASSETS_ONLY_HEADER = "x-catalyst-assets-only";
