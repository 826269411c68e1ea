// 27 and more: a key has 49 characters after its second underscore, an id such as svc_01h… has 26.
const KEYS = /\b([a-z][a-z0-9]{0,15}_(?:pat|svc)_)[0-9A-Za-z]{27,}/g;
// Of our own brand also what a cut or a typing error left.
const CUT_KEYS = /\b(lk_(?:pat|svc)_)[0-9A-Za-z]+/g;
const LEGACY_KEYS = /\b(ls__)[0-9A-Za-z_-]+/g;
const BEARERS = /\b(bearer\s+)[^\s"',\\]+/gi;
const URI_PASSWORDS = /(:\/\/)[^\s/@"\\]+@/g;

/** The text with everything that looks like a key, a bearer token or a URI's credentials replaced by `***`. */
export function masked(text: string): string {
  return text
    .replace(KEYS, '$1***')
    .replace(CUT_KEYS, '$1***')
    .replace(LEGACY_KEYS, '$1***')
    .replace(BEARERS, '$1***')
    .replace(URI_PASSWORDS, '$1***@');
}
