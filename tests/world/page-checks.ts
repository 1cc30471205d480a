/** What no page of the panel may have. Each runs in the page itself and names what is wrong. */

/**
 * What makes the page, or a dialog on it, wider than the screen or than itself. While a dialog is open the page behind it
 * cannot scroll, and a dialog that scrolls down hides what sticks out sideways: each is measured by itself.
 */
export function tooWide(): string[] {
  const screen = document.scrollingElement!;
  const isWider = (element: Element) => element.scrollWidth > element.clientWidth;
  const sticksOut = (element: Element) => {
    const { left, right } = element.getBoundingClientRect();
    return left < 0 || right > screen.clientWidth;
  };
  const dialogs = [...document.querySelectorAll("[role=dialog], [role=alertdialog]")];
  const culprits = [screen, ...dialogs].filter((each) => isWider(each) || (each !== screen && sticksOut(each)));
  return culprits.flatMap((culprit) => {
    const edge = Math.min(culprit.getBoundingClientRect().right, screen.clientWidth);
    const inside = [...culprit.querySelectorAll("*")].filter((each) => each.getBoundingClientRect().right > edge);
    const words = (element: Element) => `${element.tagName} ${element.className}: ${element.textContent?.slice(0, 40)}`;
    return [`${culprit.tagName} is ${culprit.scrollWidth} of ${culprit.clientWidth} px wide`, ...inside.map(words)];
  });
}

/** Buttons and links that say nothing to somebody who does not see their picture. */
export function namelessControls(): string[] {
  const isNamed = (element: Element) =>
    [element.textContent, element.getAttribute("aria-label"), element.getAttribute("aria-labelledby")].some((name) =>
      name?.trim(),
    ) || ((element as HTMLButtonElement).labels?.length ?? 0) > 0;
  return [...document.querySelectorAll("button, a[href], [role=button]")]
    .filter((element) => !isNamed(element))
    .map((element) => element.outerHTML.slice(0, 120));
}
