"""A pretend month of many integrations, with labelled faults and labelled decoys; what detection is measured on.

`sites.py` says who takes part and how each usually behaves, `families.py` which faults there are and how large,
`plan.py` when each happens, `conditions.py` what that does to a site minute by minute, `draw.py` makes readings of it.
Everything follows from one seed. Nothing here knows a detector, and no figure here was chosen by what one finds.
"""
