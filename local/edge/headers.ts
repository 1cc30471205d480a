/** Asks the asset service for the file or 404, without falling back to the panel's page. */
export const ASSETS_ONLY_HEADER = "x-catalyst-assets-only";
/** Where the process that started the edge asks for the daily work; answered to nobody else. */
export const DAILY_PATH = "/_local/daily";
