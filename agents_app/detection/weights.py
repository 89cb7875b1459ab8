"""Made by ``python -m benchmarks.fit_detection`` from the development half of the labelled pairs.

For each feature, then for the constant: its weight for a duplicate and for a contradiction, against neither.
"""

#: with an embedding model
WITH_VECTORS = (
    (
        3.085,  # similarity
        2.857,  # covered
        3.454,  # covered_less
        2.163,  # exact_cover
        1.536,  # nothing_left
        -1.484,  # one_side_left
        -2.595,  # left_over
        -1.528,  # negated_and_covered
        0.612,  # negated_and_slot
        0.203,  # opposite_and_covered
        2.786,  # opposite_and_negated
        -0.235,  # opposite_with_more
        -0.945,  # clash_and_covered
        -1.201,  # clash_with_more
        -2.806,  # clash_of_event
        -1.948,  # clash_in_subject
        -0.093,  # clashes
        -0.649,  # slot_single
        -1.559,  # slot_many
        1.377,  # slot_plain
        -0.541,  # slot_in_subject
        -0.682,  # slot_both_negated
        -0.914,  # slot_of_event
        1.296,  # slot_likeness
        -0.478,  # slot_names
        -0.374,  # more_slots
        -0.762,  # listing
        -0.453,  # length_gap
        1.119,  # soft_and_differs
        -7.314,  # constant
    ),
    (
        3.197,  # similarity
        0.03,  # covered
        1.809,  # covered_less
        1.436,  # exact_cover
        -0.423,  # nothing_left
        -2.363,  # one_side_left
        -1.643,  # left_over
        3.201,  # negated_and_covered
        0.483,  # negated_and_slot
        4.155,  # opposite_and_covered
        0.978,  # opposite_and_negated
        0.733,  # opposite_with_more
        2.7,  # clash_and_covered
        -0.942,  # clash_with_more
        -2.68,  # clash_of_event
        -2.098,  # clash_in_subject
        -0.108,  # clashes
        1.144,  # slot_single
        -2.359,  # slot_many
        1.165,  # slot_plain
        -1.021,  # slot_in_subject
        -1.544,  # slot_both_negated
        0.514,  # slot_of_event
        0.709,  # slot_likeness
        1.626,  # slot_names
        0.157,  # more_slots
        -0.953,  # listing
        -1.348,  # length_gap
        -0.896,  # soft_and_differs
        -4.682,  # constant
    ),
)
#: without an embedding model
WORDS_ONLY = (
    (
        0.42,  # similarity
        2.214,  # covered
        2.797,  # covered_less
        2.797,  # exact_cover
        1.489,  # nothing_left
        -1.33,  # one_side_left
        -1.973,  # left_over
        -1.511,  # negated_and_covered
        0.869,  # negated_and_slot
        0.097,  # opposite_and_covered
        2.733,  # opposite_and_negated
        -0.104,  # opposite_with_more
        -0.572,  # clash_and_covered
        -1.481,  # clash_with_more
        -2.581,  # clash_of_event
        -1.826,  # clash_in_subject
        -0.131,  # clashes
        -0.282,  # slot_single
        -0.792,  # slot_many
        1.669,  # slot_plain
        -0.932,  # slot_in_subject
        -0.718,  # slot_both_negated
        -0.569,  # slot_of_event
        0.0,  # slot_likeness
        -0.7,  # slot_names
        -0.677,  # more_slots
        -0.887,  # listing
        -0.657,  # length_gap
        0.0,  # soft_and_differs
        -4.71,  # constant
    ),
    (
        0.859,  # similarity
        -0.445,  # covered
        1.41,  # covered_less
        1.41,  # exact_cover
        -0.378,  # nothing_left
        -2.369,  # one_side_left
        -2.369,  # left_over
        3.102,  # negated_and_covered
        1.993,  # negated_and_slot
        3.815,  # opposite_and_covered
        0.937,  # opposite_and_negated
        1.425,  # opposite_with_more
        3.144,  # clash_and_covered
        -1.157,  # clash_with_more
        -2.536,  # clash_of_event
        -2.033,  # clash_in_subject
        -0.149,  # clashes
        1.274,  # slot_single
        -1.377,  # slot_many
        1.114,  # slot_plain
        -1.348,  # slot_in_subject
        -1.695,  # slot_both_negated
        0.402,  # slot_of_event
        0.0,  # slot_likeness
        1.449,  # slot_names
        0.073,  # more_slots
        -1.245,  # listing
        -1.422,  # length_gap
        0.0,  # soft_and_differs
        -2.153,  # constant
    ),
)
