"""What a replay or an evaluation found, for people (terminal, HTML) and for other programs (JUnit)."""
