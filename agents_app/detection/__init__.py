"""Do two memories say the same, or can they not both be true? Pure: no database, no Django, no language model.

After de Marneffe, Rafferty and Manning, "Finding Contradictions in Text" (ACL 2008): align the words of both, look at
what is left over (negation, opposites, numbers, dates, the value of an attribute), let a logistic model weigh it.
"""

from agents_app.detection.scoring import CONTRADICTION, DUPLICATE, Verdict, score

__all__ = ["CONTRADICTION", "DUPLICATE", "Verdict", "score"]
