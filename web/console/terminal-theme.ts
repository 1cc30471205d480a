import type { ITheme } from "@xterm/xterm";

/** The terminal is dark in both themes: games choose their colours for a dark background. */
export const TERMINAL_THEME: ITheme = {
  background: "#0b0c0f",
  foreground: "#d6d8de",
  cursor: "#0b0c0f",
  cursorAccent: "#0b0c0f",
  selectionBackground: "#5b5bd699",
  selectionInactiveBackground: "#5b5bd666",
  scrollbarSliderBackground: "#ffffff1f",
  scrollbarSliderHoverBackground: "#ffffff38",
  scrollbarSliderActiveBackground: "#ffffff4d",
  black: "#3b3f4a",
  red: "#f0716f",
  green: "#6fcf97",
  yellow: "#e6c36a",
  blue: "#7aa2f7",
  magenta: "#bb9af7",
  cyan: "#6fc7d8",
  white: "#c8ccd6",
  brightBlack: "#7a8090",
  brightRed: "#ff8f8c",
  brightGreen: "#8fe3b0",
  brightYellow: "#f5d98a",
  brightBlue: "#9dbcff",
  brightMagenta: "#d0b5ff",
  brightCyan: "#93dfee",
  brightWhite: "#f4f5f8",
};

export const SEARCH_COLOURS = {
  matchBackground: "#4a4320",
  matchOverviewRuler: "#b99a2e",
  activeMatchBackground: "#a9821a",
  activeMatchColorOverviewRuler: "#f5d98a",
};
