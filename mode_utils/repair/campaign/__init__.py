"""A campaign: rounds of choosing, labelling and retraining, judged by the arm that is drawn at random."""
