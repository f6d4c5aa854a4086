"""Labels from people: what is to be labelled goes out, in a page or to a tool, and what people say comes in.

label_table   labels as people fill them in
rewritten     what spreadsheets have made of labels and names
agreement     labels of several people: what they agree on, and what is to be asked again
browser_page  a page to label in, one file for any browser, without a server
label_studio  tasks for Label Studio, and its exports
sample_views  how a sample is shown: as a picture, as curves, as values
"""
