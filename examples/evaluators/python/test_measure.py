import unittest

from measure import count


class Counting(unittest.TestCase):
    def test_prose(self):
        ease = count("The cat sat on the mat. It was asleep!\n")
        self.assertEqual((ease.words, ease.sentences, ease.syllables), (9, 2, 10))
        self.assertAlmostEqual(ease.words_per_sentence, 4.5)
        self.assertAlmostEqual(ease.reading_ease, 206.835 - 1.015 * 4.5 - 84.6 * 10 / 9)
        self.assertAlmostEqual(ease.grade_level, 0.39 * 4.5 + 11.8 * 10 / 9 - 15.59)

    def test_a_sentence_goes_on_after_its_line(self):
        self.assertEqual(count("one two\nthree four\n\nfive").sentences, 2)

    def test_blocks_end_sentences(self):
        self.assertEqual(count("# Title\n- one\n- two\n1. three\n").sentences, 4)

    def test_what_is_no_prose_does_not_count(self):
        text = "---\ntitle: no\n---\nSee [the docs](http://x/y.z) and `a.b()`.\n\n```\nlet x = 1;\n```\n<!-- no -->\n"
        self.assertEqual(count(text).words, 5)

    def test_points_inside_words_end_nothing(self):
        self.assertEqual(count("It takes 3.5 times as long, i.e. too long. No.").sentences, 3)

    def test_nothing(self):
        for text in ["", "\n\n", "```\ncode\n```\n", "1 2 3 ..."]:
            self.assertEqual(count(text).words, 0, text)

    def test_shorter_is_easier(self):
        hard = "Consequently, the implementation necessitates considerable deliberation."
        easy = "So we must think hard."
        self.assertLess(count(hard).reading_ease, count(easy).reading_ease)


if __name__ == "__main__":
    unittest.main()
