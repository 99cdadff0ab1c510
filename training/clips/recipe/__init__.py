"""The recipe of the shipped model: more unknown words, harder acoustics, and a teacher."""
