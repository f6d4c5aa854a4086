"""Labels from people: samples go out, in a page or to a tool, and labels come in.

label_table   labels as people fill them in
rewritten     what spreadsheets make of labels and names
agreement     labels of several people: where they agree
browser_page  a page to label in, one file for any browser, without a server
label_studio  tasks for Label Studio, and its exports
sample_views  how a sample is shown: as a picture, as curves, as values
"""
