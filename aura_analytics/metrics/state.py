class DossierState: pass
