"""Airflow's DAGs of mailticket: one for each inbox, and one that shows configuration faults."""

from mailticket.dag import dags

for dag in dags():
    globals()[dag.dag_id] = dag
