// Prices, written as the language of the page has them.
const format = new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency: "EUR" });

export const price = (cents) => format.format(cents / 100);
