"""The field's standard models on snmem, NEST and Brian2: what ``snmem bench models`` runs."""
