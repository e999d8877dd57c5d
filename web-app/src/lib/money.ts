/** An amount in minor units of its currency, as the API has it. */
export interface Money {
  amount: number;
  currency: string;
}

/** How many digits follow the point in this currency: 2 of EUR, 0 of JPY, 3 of KWD. */
export function minorDigits(currency: string): number {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2;
  }
}

/** As a language writes it; whole amounts without digits after the point where `short`. */
export function formatMoney({ amount, currency }: Money, language: string, short = false): string {
  const digits = minorDigits(currency);
  const value = amount / 10 ** digits;
  const whole = short && Number.isInteger(value);
  return new Intl.NumberFormat(language, {
    style: "currency",
    currency,
    minimumFractionDigits: whole ? 0 : digits,
    maximumFractionDigits: digits,
  }).format(value);
}

/** What somebody typed as minor units; nothing where it is no amount. */
export function parseMoney(text: string, currency: string): number | null {
  const plain = text.trim().replace(",", ".");
  if (!/^\d{1,10}(\.\d{1,3})?$/.test(plain)) return null;
  return Math.round(Number(plain) * 10 ** minorDigits(currency));
}
