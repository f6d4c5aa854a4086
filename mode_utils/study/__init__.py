"""Evidence: reads tables of runs, trains nothing.

runs_table          the columns of the tidy runs table
artefacts           files that notebooks leave behind
outcomes            a row a run: what MODE and its control reached
significance        interval, test, effect size, equivalence, power
comparisons         against control, metric against metric, with against without layer selection
accuracy_table      the table of the original
single_run_studies  what one unpaired run a metric can find
strategy_table      one table of all strategies on all data, defects and pools
payoff              whether choosing is going to pay
label_economy       how many samples a choice saves
share_rule          the best selected share by number of classes
formatting          how numbers are written
claims              the verdicts
"""
