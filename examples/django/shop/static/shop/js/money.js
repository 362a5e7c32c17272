// Prices, formatted for the language of the page.
const format = new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency: "EUR" });

export const price = (cents) => format.format(cents / 100);
