// How texts are cut into words, as apps/text/reading/tokenizers.py does it.

const words = (text) => text.split(/\s+/u).filter((word) => word !== '');

export const TOKENIZERS = {
  english: (text) => words(text.toLowerCase().replaceAll("'", " '  ").replaceAll('"', '').replaceAll('<br />', ' ')
    .replace(/[.,()!?]/g, ' $& ').replace(/[;:]/g, ' ')),
  kim: (text) => words(text.toLowerCase().replace(/[^a-z0-9(),!?'`]/g, ' ').replace(/'s|'ve|n't|'re|'d|'ll/g, ' $&')
    .replace(/[,!()?]/g, ' $& ')),
  characters: (text) => Array.from(words(text.normalize('NFC').toLowerCase()).join(' '), (c) => (/\s/u.test(c) ? '␣' : c)),
};

// Tokens and their numbers; 1 stands for a word that the network does not know.
export function numbered(text, { tokenizer, longest }, numbers) {
  const all = TOKENIZERS[tokenizer](text);
  const tokens = longest ? all.slice(0, longest) : all;
  return { tokens, row: tokens.map((token) => numbers.get(token) || 1) };
}
