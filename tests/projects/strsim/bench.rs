extern crate strsim;

// Distances between all pairs of 60 texts.
fn main() {
    let words = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india"];
    let texts: Vec<String> = (0..60)
        .map(|i| (0..8).map(|j| words[(i * 7 + j * (i % 5 + 1)) % words.len()]).collect::<Vec<_>>().join(" "))
        .collect();
    let mut sum = 0;
    for a in &texts {
        for b in &texts {
            sum += strsim::generic_damerau_levenshtein(a.as_bytes(), b.as_bytes());
        }
    }
    println!("{}", sum);
}
