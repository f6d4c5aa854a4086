"""Evidence: reads tables of runs, trains nothing.

runs_table          the columns of the tidy runs table
artefacts           files that notebooks leave behind
outcomes            a row a run: what MODE and its control reached
significance        interval, test, effect size, equivalence, power
comparisons         against control, metric against metric, layer selection; the accuracy table
single_run_studies  what one unpaired run a metric can find
strategy_table      one table of all strategies on all data, defects and pools
label_economy       how many samples a choice saves, whether it will pay, its best share
formatting          how numbers are written
claims              the verdicts
"""
