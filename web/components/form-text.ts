/** Reads a form's fields as text, trimmed; a field that the form does not have is empty. */
export const formText =
  (form: FormData) =>
  (name: string): string =>
    String(form.get(name) ?? "").trim();
