//! A fingerprint that two people can read to each other.

/// How many words a fingerprint has. Each is one byte of a hash: 12 words are 96 bits, so that an attacker
/// who wants a card of his own with the words of somebody else's must try 2⁹⁶ keys. (64 bits would not do:
/// that many hashes are within reach of a few hundred rented machines.)
pub(super) const COUNT: usize = 12;

/// Writes the first [`COUNT`] bytes of a hash as words.
pub(super) fn words(hash: &[u8; 32]) -> String {
    let words: Vec<&str> = hash[..COUNT].iter().map(|&byte| WORDS[usize::from(byte)]).collect();
    words.join(" ")
}

/// Short everyday words, no two alike in their first four letters.
const WORDS: [&str; 256] = [
    "acid", "acorn", "actor", "agent", "album", "alley", "amber", "anchor", "angle", "ankle", "apple",
    "april", "apron", "arrow", "artist", "atlas", "attic", "autumn", "bacon", "badge", "bamboo", "banana",
    "barrel", "basket", "beach", "beetle", "bench", "berry", "bicycle", "bishop", "blanket", "blossom",
    "bonus", "border", "bottle", "bread", "brick", "bronze", "bucket", "butter", "cabin", "cactus", "camel",
    "candle", "canyon", "carpet", "castle", "cellar", "cement", "chalk", "cherry", "chimney", "cider",
    "circus", "clover", "cobalt", "coffee", "comet", "copper", "cotton", "crystal", "cuckoo", "curtain",
    "daisy", "dancer", "debate", "desert", "diamond", "dinner", "doctor", "dolphin", "donkey", "dragon",
    "drum", "eagle", "easel", "echo", "elbow", "emerald", "engine", "envelope", "fabric", "falcon", "farmer",
    "feather", "fennel", "fiddle", "finger", "flute", "forest", "fossil", "fountain", "fridge", "frost",
    "galaxy", "garden", "garlic", "gazelle", "geyser", "ginger", "giraffe", "glacier", "goblet", "gravel",
    "guitar", "hammer", "harbour", "hazel", "helmet", "heron", "hockey", "honey", "hotel", "iceberg",
    "igloo", "indigo", "insect", "island", "ivory", "jacket", "jasmine", "jelly", "jigsaw", "jockey",
    "jungle", "kayak", "kettle", "kitchen", "kiwi", "koala", "ladder", "lagoon", "lantern", "laundry",
    "lemon", "leopard", "letter", "lilac", "lizard", "lobster", "locket", "lumber", "magnet", "mango",
    "marble", "meadow", "melon", "mercury", "mirror", "monkey", "mosaic", "muffin", "museum", "mustard",
    "napkin", "needle", "nephew", "nickel", "noodle", "novel", "nugget", "oasis", "ocean", "octopus",
    "olive", "onion", "opera", "orange", "orchid", "otter", "oxygen", "oyster", "paddle", "palace", "panda",
    "parrot", "peanut", "pepper", "piano", "pigeon", "pillow", "planet", "pocket", "poem", "poplar",
    "potato", "puddle", "puzzle", "pyramid", "quarry", "queen", "quilt", "rabbit", "radish", "raven",
    "ribbon", "river", "robin", "rocket", "rubber", "saddle", "saffron", "salad", "sandal", "scarf",
    "seagull", "shadow", "sheriff", "silver", "sister", "sketch", "sleeve", "snail", "spider", "sponge",
    "squash", "stable", "sugar", "summer", "sunset", "swan", "tango", "teapot", "temple", "tennis",
    "thimble", "thunder", "ticket", "tiger", "timber", "tomato", "tractor", "trumpet", "tulip", "tunnel",
    "turtle", "twin", "umpire", "uncle", "unicorn", "valley", "vanilla", "velvet", "village", "violin",
    "volcano", "waffle", "walnut", "water", "weasel", "whale", "wicket", "willow", "window", "wizard",
    "zebra",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_words_are_alike_in_their_first_four_letters() {
        let starts: BTreeSet<&str> = WORDS.iter().map(|word| &word[..word.len().min(4)]).collect();
        assert_eq!(starts.len(), 256);
        assert!(WORDS.iter().all(|word| (4..=8).contains(&word.len())));
    }

    #[test]
    fn each_byte_is_one_word() {
        let mut hash = [0; 32];
        hash[11] = 255;
        let text = words(&hash);
        assert_eq!(text.split(' ').count(), COUNT);
        assert!(text.starts_with("acid acid ") && text.ends_with(" zebra"));
    }
}
